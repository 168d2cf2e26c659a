//! Plugins, two of them with a key.
#![no_std]

mod __link_section__PLUGINS {
    use registry::Plugin;

    mod __link_order__20 {
        #[used]
        static LATER: super::Plugin = super::Plugin { name: "later", run: |n| n * 2 };
    }

    #[used]
    static ANYWHERE: Plugin = Plugin { name: "anywhere", run: |n| n * 3 };

    mod __link_order__10 {
        #[used]
        static SOONER: super::Plugin = super::Plugin { name: "sooner", run: |n| n + 1 };
    }
}
