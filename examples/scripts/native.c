// The native program.
#include "report.h"
#include <stdio.h>

int main(void) {
    run();
    puts(reported());
    return 0;
}
