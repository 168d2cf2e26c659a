# A custom section whose relocations the linker resolves: registry::Pointers, a pointer to a string
# and one to a function. Only the entries refer to these.

        .functype       halve (i32) -> (i32)
        .functype       increment (i32) -> (i32)

        .section        .text.halve,"",@
        .type           halve,@function
halve:
        .functype       halve (i32) -> (i32)
        local.get       0
        i32.const       1
        i32.shr_s
        end_function

        .section        .text.increment,"",@
        .type           increment,@function
increment:
        .functype       increment (i32) -> (i32)
        local.get       0
        i32.const       1
        i32.add
        end_function

        .section        .rodata.halve_text,"",@
        .type           halve_text,@object
halve_text:
        .asciz          "pointers.s::halve"
        .size           halve_text, 18

        .section        .rodata.increment_text,"",@
        .type           increment_text,@object
increment_text:
        .asciz          "pointers.s::increment"
        .size           increment_text, 22

        .section        .custom_section.POINTERS,"",@
        .int32          halve_text
        .int32          halve
        .int32          increment_text
        .int32          increment
