#include "../report.h"
#include "criterion.h"

extern struct criterion_test *__start_cr_tst[], *__stop_cr_tst[];
extern struct criterion_suite *__start_cr_sts[], *__stop_cr_sts[];

void run(void) {
    for (struct criterion_suite **suite = __start_cr_sts; suite < __stop_cr_sts; suite++) {
        report((*suite)->name, 0);
        if ((*suite)->init)
            (*suite)->init();
        for (struct criterion_test **test = __start_cr_tst; test < __stop_cr_tst; test++) {
            int failures = 0;
            if ((*test)->category[0] != (*suite)->name[0])
                continue;
            (*test)->test(&failures);
            report((*test)->name, failures);
        }
    }
}
