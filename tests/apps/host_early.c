/* Prints what the constructor of host_early_library.c was told. */
void tell(void);

int main(void)
{
    tell();
    return 0;
}
