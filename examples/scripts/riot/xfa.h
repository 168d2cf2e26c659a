// As in RIOT's core/lib/include/xfa.h: an array has its ends in sections of its own, without bytes.
#define XFA_INIT_CONST(type, name) \
    __attribute__((used, section(".roxfa." #name ".0_"))) const type name[0] = {}; \
    __attribute__((used, section(".roxfa." #name ".9_"))) const type name##_end[0] = {}
#define XFA_INIT(type, name) \
    __attribute__((used, section(".xfa." #name ".0_"))) type name[0] = {}; \
    __attribute__((used, section(".xfa." #name ".9_"))) type name##_end[0] = {}

#define XFA_USE_CONST(type, name) extern const type name[], name##_end[]
#define XFA_USE(type, name) extern type name[], name##_end[]

#define XFA_CONST(name, priority) __attribute__((used, section(".roxfa." #name ".5_" #priority)))
#define XFA(name, priority) __attribute__((used, section(".xfa." #name ".5_" #priority)))

#define XFA_LEN(type, name) ((int)(((const char *)name##_end - (const char *)name) / sizeof(type)))

typedef struct {
    const char *name;
    int (*handler)(int);
} shell_command_t;
