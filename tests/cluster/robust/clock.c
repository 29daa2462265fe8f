// Loaded before the C library, this has the wall clock say another time: as many seconds later as the file that
// CLOCK_OFFSET names holds. Clocks that only go forward are left alone, as a machine's are when its time is set.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        real = dlsym(RTLD_NEXT, "clock_gettime");
    int done = real(clock, time);
    const char *path = getenv("CLOCK_OFFSET");
    if (done == 0 && clock == CLOCK_REALTIME && path) {
        long long offset = 0;
        FILE *file = fopen(path, "r");
        if (file) {
            if (fscanf(file, "%lld", &offset) == 1)
                time->tv_sec += offset;
            fclose(file);
        }
    }
    return done;
}
