// build: -shared -fPIC
/* A module linked with mysql_fake. */
void *mysql_init(void *mysql);
void *mysql_real_connect(void *mysql, const char *host, const char *user, const char *password, const char *schema,
                         unsigned int port, const char *path, unsigned long flags);
void mysql_close(void *mysql);
int mysql_query(void *mysql, const char *text);
void *mysql_store_result(void *mysql);

void *module_open(void);
int module_ask(void *mysql, const char *text);
void *module_result(void *mysql);
void module_close(void *mysql);

void *module_open(void)
{
    return mysql_real_connect(mysql_init((void *)0), "db.example", "app", "secret", "shop", 3307, (void *)0, 0);
}

int module_ask(void *mysql, const char *text)
{
    return mysql_query(mysql, text) + 0;
}

void *module_result(void *mysql)
{
    void *volatile result = mysql_store_result(mysql);
    return result;
}

void module_close(void *mysql)
{
    mysql_close(mysql);
    __asm__ volatile("");
}
