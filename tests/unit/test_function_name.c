/* From linker symbols to the names people write. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/function_name.h"
#include "tests/unit/run.h"

static int brackets;

static void begin(void)
{
    brackets++;
}

static void end(void)
{
    brackets--;
}

static const struct oi_export_host host = {
    .unsafe_begin = begin, .unsafe_end = end, .dlopen_flags = RTLD_NOW | RTLD_LOCAL};

static const struct {
    const char *symbol, *name;
} symbols[] = {
    {"main", "main"},
    {"query.cold", "query"},
    {"query.constprop.0", "query"},
    {"query.constprop.0.isra.1.cold", "query"},
    {"query.part.3", "query"},
    {"query.lto_priv.0", "query"},
    {"odd.name", "odd.name"},
    {".cold", ".cold"},
    {"_start", "_start"},
    {"_Zebra", "_Zebra"},
    {"_ZN4shop5Store5fetchEi", "shop::Store::fetch"},
    {"_ZNK4shop5Store5countEv", "shop::Store::count"},
    {"_ZN4shop5Store5fetchEi.cold", "shop::Store::fetch"},
    {"_ZN4shop5StoreC2Ev", "shop::Store::Store"},
    {"_ZN4shop5StoreD0Ev", "shop::Store::~Store"},
    {"_ZN12_GLOBAL__N_14loadEv", "(anonymous namespace)::load"},
    {"_ZN4shop3maxIiEET_S1_S1_", "shop::max<int>"},
    {"_ZN4shopplERKNS_5MoneyES2_", "shop::operator+"},
    {"_ZN4shopltERKNS_5MoneyES2_", "shop::operator<"},
    {"_ZN4shoplsIiEERSoS1_T_", "shop::operator<< <int>"},
    {"_ZN4shop5StoreclEi", "shop::Store::operator()"},
    {"_ZNK4shop5StorecvSsEv", "shop::Store::operator std::string"},
    {"_ZN4shop5StorenwEm", "shop::Store::operator new"},
    {"_ZZ4mainENKUlvE_clEv", "main::{lambda()#1}::operator()"},
    {"_ZN4shop4eachEPFvicE", "shop::each"},
    {"_ZNSt6vectorIiSaIiEE9push_backERKi", "std::vector<int, std::allocator<int> >::push_back"},
};

START_TEST(test_symbol)
{
    char *name = oi_function_name(&host, symbols[_i].symbol);
    ck_assert_str_eq(name, symbols[_i].name);
    ck_assert_int_eq(brackets, 0);
    free(name);
}
END_TEST

/* The decoder goes one call deeper for each letter: on the worker's stack, that must end. */
START_TEST(test_long_symbols_stay_as_they_are)
{
    char symbol[2048] = "_Z1f";
    memset(symbol + 4, 'P', 1500);
    strcpy(symbol + 1504, "i");
    char *name = oi_function_name(&host, symbol);
    ck_assert_str_eq(name, symbol);
    free(name);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, test_symbol, 0, sizeof symbols / sizeof *symbols);
    tcase_add_test(tests, test_long_symbols_stay_as_they_are);
    return run_suite("function_name", tests);
}
