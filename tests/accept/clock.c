/* Another clock for every program that loads this (ld.so(8), /etc/ld.so.preload): each way to ask for the time of day of
 * glibc's 32-bit architectures, those with 64-bit times included, OFFSET seconds ahead. */
#include <stdint.h>

/* syscall(2), of the C library that the program has. */
long syscall(long number, ...);
enum { SYS_clock_gettime64 = 403 };

struct time32 { int32_t seconds, fraction; };
struct time64 { int64_t seconds, fraction; };

/* What the kernel says; of the other clocks too, which stay as they are (clock_gettime(2): 0, 5 and 11 are of the day). */
static int now(int clock, struct time64 *time) {
  int failed = syscall(SYS_clock_gettime64, clock, time);
  if (!failed && (clock == 0 || clock == 5 || clock == 11)) time->seconds += OFFSET;
  return failed;
}

int __clock_gettime64(int clock, struct time64 *time) { return now(clock, time); }

int clock_gettime(int clock, struct time32 *time) {
  struct time64 wide;
  int failed = now(clock, &wide);
  if (!failed) *time = (struct time32){wide.seconds, wide.fraction};
  return failed;
}

int64_t __time64(int64_t *to) {
  struct time64 time;
  now(0, &time);
  if (to) *to = time.seconds;
  return time.seconds;
}

int32_t time(int32_t *to) {
  int32_t seconds = __time64(0);
  if (to) *to = seconds;
  return seconds;
}

int __gettimeofday64(struct time64 *time, void *zone) {
  (void)zone;
  now(0, time);
  time->fraction = (int32_t)time->fraction / 1000;
  return 0;
}

int gettimeofday(struct time32 *time, void *zone) {
  struct time64 wide;
  __gettimeofday64(&wide, zone);
  *time = (struct time32){wide.seconds, wide.fraction};
  return 0;
}
