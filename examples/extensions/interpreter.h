/* Calls `show` with each feature: all in the order of the table, or those that are loaded in that order. */
void each_feature(int loaded_only, void (*show)(const char *name));
