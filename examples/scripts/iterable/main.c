// As in Zephyr's include/zephyr/sys/iterable_sections.h.
struct foo {
    int number;
};

#define STRUCT_SECTION_ITERABLE(type, variable) \
    struct type variable __attribute__((used, section("._" #type ".static." #variable)))

extern struct foo _foo_list_start[], _foo_list_end[];

STRUCT_SECTION_ITERABLE(foo, zebra) = {3};
STRUCT_SECTION_ITERABLE(foo, ant) = {1};
STRUCT_SECTION_ITERABLE(foo, lion) = {2};

// The numbers in the order of the array, as decimal digits.
__attribute__((export_name("walk"))) int walk(void) {
    int digits = 0;
    for (struct foo *foo = _foo_list_start; foo < _foo_list_end; foo++)
        digits = digits * 10 + foo->number;
    return digits;
}
