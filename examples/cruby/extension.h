/* An extension of CRuby: the feature that `require` looks up, and its function `Init_…`. */
struct ruby_extension {
    const char *feature;
    void (*init)(void);
};
