#!/bin/sh
# Runs in the finished image, in a sandbox: no network, nothing of the host.
set -e

# What the image does not need. The page is ours, not Debian's.
rm -f /var/www/html/index.nginx-debian.html

# A list of what is in it, for whoever stands before the board.
echo "$PINTREE_IMAGE for $PINTREE_ARCH has:" > /usr/share/kiosk/packages.txt
dpkg-query -W -f '${Package} ${Version}\n' >> /usr/share/kiosk/packages.txt

nginx -t
