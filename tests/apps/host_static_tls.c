// build: -shared -fPIC -ftls-model=initial-exec
/* A plugin that takes most of the static thread-local space that is left for late comers. */
int module_tls(int value);

static __thread char kept[SIZE];

int module_tls(int value)
{
    kept[value % SIZE] = (char)value;
    return kept[value % SIZE];
}
