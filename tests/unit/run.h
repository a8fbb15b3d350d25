/* What every unit test's main ends with. */
#ifndef OI_TESTS_RUN_H
#define OI_TESTS_RUN_H

#include <check.h>

/* Runs a suite of one case, as Check's variables in the environment say (tests/run sets them). Takes the case; returns
 * main's exit status. */
static inline int run_suite(const char *name, TCase *tests)
{
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

#endif
