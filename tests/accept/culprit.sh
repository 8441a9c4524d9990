#!/usr/bin/env bash
# One bad package among 40 updates: how often `bot` and `bisect` build until they know it.
. "$(dirname "$0")/common.sh"
. "$root/tests/accept/played.sh"
# tried NAME MOST TEST
tried() {
  play "$3" && code=0 || { code=1; told; }
  count=$(builds)
  if [ "${count:-99}" -gt "$2" ]; then code=1; fi
  check "$1" "$code" "${count:-no} builds at most, $2 allowed"
}
tried "bot, the step names a package" 8 bot::one_bad_of_forty_updates_takes_eight_builds_at_most
tried "bot, the step names none" 8 bot::what_no_step_names_is_found_in_eight_builds
tried "bot, the step names another one" 8 bot::a_wrong_suspicion_costs_no_ninth_build
tried "bisect" 7 bisect::one_bad_of_forty_updates_takes_seven_builds_at_most
play bisect::history_is_searched_before_packages_and_skips_widen_the_answer && code=0 || { code=1; told; }
check "bisect skips with exit 125" "$code" "the answer has what was skipped"
play bot::no_secret_is_told && code=0 || { code=1; told; }
check "no secret in any output, commit or message" "$code" "environment, netrc, remote and mirror URLs"
