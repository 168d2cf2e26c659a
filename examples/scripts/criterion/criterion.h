// As in Criterion's criterion/internal/test.h: pointers to tests and to suites, each in a section of its
// own, whose ends the linker names.
struct criterion_test {
    const char *name, *category;
    void (*test)(int *failures);
};

struct criterion_suite {
    const char *name;
    void (*init)(void);
};

#define Test(suite, test_name) \
    static void suite##_##test_name##_impl(int *failures); \
    static struct criterion_test suite##_##test_name##_meta = \
        {#test_name, #suite, suite##_##test_name##_impl}; \
    __attribute__((used, section("cr_tst"))) struct criterion_test *suite##_##test_name##_test = \
        &suite##_##test_name##_meta; \
    static void suite##_##test_name##_impl(int *failures)

#define TestSuite(suite, init) \
    static struct criterion_suite suite##_meta = {#suite, init}; \
    __attribute__((used, section("cr_sts"))) struct criterion_suite *suite##_suite = &suite##_meta

#define cr_assert(condition) ((condition) ? (void)0 : (void)++*failures)
