/* dlopen and dlclose from a C program with the library preloaded.
 *
 *   loader plugin PLUGIN         loads, runs and unloads a C++ library many times
 *   loader modules MODULE COUNT  loads up to COUNT copies of a module with static TLS, prints how many
 */
#include <dlfcn.h>
#include <limits.h>
#include <sys/stat.h>

#include "check.h"

static void run_plugin(const char* path) {
  CHECK(is_mapped("libhakmem"), "the library is preloaded");
  for (int i = 0; i < 100; ++i) {
    void* plugin = dlopen(path, RTLD_NOW);
    if (!plugin) fprintf(stderr, "%s\n", dlerror());
    CHECK(plugin != NULL, "dlopen");
    int (*run)(int) = NULL;
    *(void**)&run = dlsym(plugin, "plugin_run");
    CHECK(run != NULL, "dlsym");
    for (int k = 0; k < 20; ++k) CHECK(run(k) == k, "the plugin works");
    CHECK(dlclose(plugin) == 0, "dlclose");
    char* block = malloc(1000);
    CHECK(block != NULL, "malloc after dlclose");
    free(block);
  }
}

static void copy_file(const char* from, const char* to) {
  char buffer[65536];
  FILE* in = fopen(from, "rb");
  FILE* out = fopen(to, "wb");
  CHECK(in && out, "copy of the module");
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, in)) > 0;)
    CHECK(fwrite(buffer, 1, n, out) == n, "copy of the module");
  fclose(in);
  CHECK(fclose(out) == 0, "copy of the module");
}

/* Every copy is a module of its own to the loader. They stay loaded. */
static int load_modules(const char* module, int count) {
  char directory[] = "/tmp/hakmem-modules-XXXXXX";
  CHECK(mkdtemp(directory) != NULL, "mkdtemp");
  int loaded = 0;
  for (int i = 0; i < count && loaded == i; ++i) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%d.so", directory, i);
    copy_file(module, path);
    void* handle = dlopen(path, RTLD_NOW);
    unlink(path);
    if (!handle) continue;
    int (*value)(void) = NULL;
    *(void**)&value = dlsym(handle, "module_value");
    CHECK(value && value() == 1 && value() == 2, "the module's TLS works");
    ++loaded;
  }
  rmdir(directory);
  return loaded;
}

int main(int argc, char** argv) {
  if (argc == 3 && strcmp(argv[1], "plugin") == 0) {
    run_plugin(argv[2]);
    return 0;
  }
  if (argc == 4 && strcmp(argv[1], "modules") == 0) {
    printf("%d\n", load_modules(argv[2], atoi(argv[3])));
    return 0;
  }
  fprintf(stderr, "usage: loader plugin PLUGIN | loader modules MODULE COUNT\n");
  return 2;
}
