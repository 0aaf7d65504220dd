// Memory that libc makes and the program frees, and memory that the program makes and libc resizes.
#include <dirent.h>
#include <glob.h>
#include <locale.h>
#include <netdb.h>
#include <search.h>
#include <sys/socket.h>
#include <wchar.h>
#include <wordexp.h>

#include "compat.h"

static int by_name(const void* a, const void* b) { return strcmp(a, b); }

static void lines(void) {
  char text[] = "one\ntwo words\n\na line that is so long that the buffer must grow a few times over";
  for (size_t start = 0; start < 200; start += 40) {
    FILE* in = fmemopen(text, sizeof text - 1, "r");
    size_t capacity = start;
    char* line = start ? malloc(start) : NULL;
    int count = 0;
    while (getline(&line, &capacity, in) >= 0) ++count;
    CHECK(count == 4 && capacity > 60);
    rewind(in);
    CHECK(getdelim(&line, &capacity, 'w', in) == 6);
    free(line);
    fclose(in);
  }
}

static void streams(void) {
  char* made = NULL;
  size_t size = 0;
  FILE* out = open_memstream(&made, &size);
  for (int i = 0; i < 5000; ++i) fprintf(out, "%d,", i);
  fclose(out);
  CHECK(size == 23890 && strlen(made) == size);
  free(made);
  wchar_t* wide = NULL;
  out = open_wmemstream(&wide, &size);
  fwprintf(out, L"%ls", L"wide");
  fclose(out);
  CHECK(size == 4 && wcscmp(wide, L"wide") == 0);
  free(wide);
  char* printed = NULL;
  CHECK(asprintf(&printed, "%s %5000d", "x", 7) == 5002);
  free(printed);
  char *word = NULL, *set = NULL;
  CHECK(sscanf("hello [abc]", "%ms %m[][a-c]", &word, &set) == 2 && strcmp(set, "[abc]") == 0);
  free(word);
  free(set);
  out = tmpfile();
  char* buffer = malloc(8192);
  CHECK(out && setvbuf(out, buffer, _IOFBF, 8192) == 0);
  fputs("buffered", out);
  fclose(out);
  free(buffer);
}

static void names(void) {
  struct dirent** found = NULL;
  const int count = scandir("/usr", &found, NULL, alphasort);
  CHECK(count > 2);
  for (int i = 0; i < count; ++i) free(found[i]);
  free(found);
  char* here = getcwd(NULL, 0);
  char* real = realpath("/usr/../usr/.", NULL);
  CHECK(here && real && strcmp(real, "/usr") == 0);
  free(here);
  free(real);
  glob_t matches;
  CHECK(glob("/*", 0, NULL, &matches) == 0 && matches.gl_pathc > 2);
  CHECK(glob("/usr/*", GLOB_APPEND, NULL, &matches) == 0);
  globfree(&matches);
  wordexp_t words;
  CHECK(wordexp("a \"b c\" ~", &words, WRDE_NOCMD) == 0 && words.we_wordc == 3);
  wordfree(&words);
}

static void locales(void) {
  char* before = strdup(setlocale(LC_ALL, NULL));
  CHECK(setlocale(LC_ALL, "C.UTF-8") && setlocale(LC_ALL, before));
  free(before);
  locale_t made = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
  locale_t copy = duplocale(made);
  CHECK(made && copy);
  uselocale(copy);
  uselocale(LC_GLOBAL_LOCALE);
  freelocale(copy);
  freelocale(made);
}

static void trees(void) {
  void* root = NULL;
  char name[16];
  for (int i = 0; i < 300; ++i) {
    snprintf(name, sizeof name, "%d", i * 7919 % 1000);
    char* key = strdup(name);
    if (*(char**)tsearch(key, &root, by_name) != key) free(key);
  }
  CHECK(root && tfind("0", &root, by_name) != NULL);
  tdestroy(root, free);
  CHECK(hcreate(100));
  hdestroy();
  char* parts = strndup("a,b,c", 3);
  CHECK(strcmp(parts, "a,b") == 0);
  free(parts);
  wchar_t* wide = wcsdup(L"abc");
  CHECK(wcslen(wide) == 3);
  free(wide);
}

int main(void) {
  lines();
  streams();
  names();
  locales();
  trees();
  struct addrinfo* addresses = NULL;
  const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
  CHECK(getaddrinfo("127.0.0.1", "80", &hints, &addresses) == 0 && addresses);
  freeaddrinfo(addresses);
  CHECK(setenv("COMPAT_A", "1", 1) == 0 && setenv("COMPAT_A", "22222222", 1) == 0 && unsetenv("COMPAT_A") == 0);
  char* given = strdup("COMPAT_B=own");
  CHECK(putenv(given) == 0 && strcmp(getenv("COMPAT_B"), "own") == 0 && unsetenv("COMPAT_B") == 0);
  free(given);
  return compat_end("libc_owned");
}
