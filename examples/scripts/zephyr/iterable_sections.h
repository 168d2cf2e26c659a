// As in Zephyr's include/zephyr/sys/iterable_sections.h.
#define STRUCT_SECTION_ITERABLE_NAMED(type, name, variable) \
    struct type variable __attribute__(( \
        used, section("._" #type ".static." #name "_"), aligned(__alignof__(struct type))))

#define STRUCT_SECTION_ITERABLE(type, variable) STRUCT_SECTION_ITERABLE_NAMED(type, variable, variable)

#define STRUCT_SECTION_FOREACH(type, item) \
    extern struct type _##type##_list_start[], _##type##_list_end[]; \
    for (struct type *item = _##type##_list_start; item < _##type##_list_end; item++)

#define STRUCT_SECTION_COUNT(type) ((int)(_##type##_list_end - _##type##_list_start))
