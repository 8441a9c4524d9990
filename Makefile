# The two commands are `make demo` and `make test`; each sets up what is missing first.

CARGO ?= cargo
TARGET = $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
PINTREE = $(TARGET)/release/pintree

# program:package pairs; `setup` installs the packages whose program (or pkg-config module) is missing.
TOOLS = busybox:busybox-static cc:gcc pkg-config:pkg-config ninja:ninja-build ostree:ostree git:git gpg:gnupg dpkg-deb:dpkg xz:xz-utils zstd:zstd bzip2:bzip2 strace:strace python3:python3 qemu-arm-static:qemu-user-static newuidmap:uidmap
# What the side-by-side benchmarks and acceptance scripts need besides.
BENCH_TOOLS = mmdebstrap:mmdebstrap nginx:nginx-light ar:binutils getcap:libcap2-bin faketime:faketime arm-linux-gnueabihf-gcc:gcc-arm-linux-gnueabihf cmark-gfm:cmark-gfm jsonschema:python3-jsonschema qemu-system-x86_64:qemu-system-x86 mke2fs:e2fsprogs

SUDO = $(if $(filter 0,$(shell id -u)),,sudo)
missing = $(strip $(foreach t,$(1),$(if $(shell command -v $(firstword $(subst :, ,$(t)))),,$(lastword $(subst :, ,$(t))))))
MODULES = $(shell pkg-config --exists ostree-1 2>/dev/null || echo libostree-dev) $(shell python3 -c 'import yaml' 2>/dev/null || echo python3-yaml)

.PHONY: setup bench-setup build demo test check fuzz bench accept-compose accept-image accept-review accept-trust-repositories accept-trust-sandbox lints clean

setup:
	@packages="$(call missing,$(TOOLS)) $(MODULES)"; \
	if [ -n "$$(echo $$packages)" ]; then \
	  echo "installing:" $$packages; \
	  $(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$packages; \
	fi
	@command -v $(CARGO) >/dev/null || { echo "error: Rust is missing; install it with rustup or your distribution's packages (cargo 1.89 or newer)"; exit 1; }

bench-setup: setup
	@packages="$(call missing,$(BENCH_TOOLS))"; \
	if [ -n "$$(echo $$packages)" ]; then \
	  echo "installing:" $$packages; \
	  $(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$packages; \
	fi

build: setup
	$(CARGO) build --release

# The main job on a real image: lock if needed, import every package, compose the armhf root filesystem.
demo: build
	$(PINTREE) build
	@echo
	@echo "look inside:   ostree --repo=_build/ostree ls -R image/demo/server/armhf/sealed /usr/etc"
	@echo "build again:   $(PINTREE) build"

test: setup
	$(CARGO) test --workspace --no-fail-fast

lints: setup
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings

check: lints
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --document-private-items
	@command -v cargo-deny >/dev/null || $(CARGO) install --locked cargo-deny
	$(CARGO) deny check
	$(MAKE) test

# Looks for inputs that break an invariant of tests/fuzz/targets. What it finds lies in FUZZ_DIR; an input that breaks one
# belongs into tests/fuzz/corpus, where `make test` replays it. Needs a nightly compiler.
FUZZ_SECONDS = 60
FUZZ_DIR = $(TARGET)/fuzz
FUZZ_TARGETS = $(notdir $(basename $(wildcard tests/fuzz/targets/*.rs)))

fuzz: setup
	@command -v cargo-fuzz >/dev/null || $(CARGO) install --locked cargo-fuzz
	@for target in $(FUZZ_TARGETS); do \
	  mkdir -p $(FUZZ_DIR)/corpus/$$target $(FUZZ_DIR)/found; \
	  $(CARGO) +nightly fuzz run --sanitizer none --fuzz-dir tests/fuzz --target-dir $(FUZZ_DIR) $$target $(FUZZ_DIR)/corpus/$$target tests/fuzz/corpus/$$target -- \
	    -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=1024 -timeout=20 -artifact_prefix=$(FUZZ_DIR)/found/$$target- || exit 1; \
	done

bench: build bench-setup
	benches/peers.sh
	benches/sealed.sh

accept-compose: build bench-setup
	tests/accept/accept-compose.sh

accept-image: build bench-setup
	tests/accept/accept-image.sh

accept-review: build bench-setup
	tests/accept/accept-review.sh

accept-trust-repositories: build bench-setup
	tests/accept/accept-trust-repositories.sh

accept-trust-sandbox: build bench-setup
	tests/accept/accept-trust-sandbox.sh

clean:
	rm -rf _build
