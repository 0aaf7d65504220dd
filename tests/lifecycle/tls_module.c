/* A module that can only be loaded while there is static TLS left. */
static __thread volatile char module_data[32] __attribute__((tls_model("initial-exec"))) = {1};

int module_value(void);
int module_value(void) { return module_data[0]++; }
