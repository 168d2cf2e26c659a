int objects_made(void);
int objects_freed(void);
int objects_possible(void);
