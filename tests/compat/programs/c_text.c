// Tables, patterns and conversions of libc that live on the heap.
#include <fnmatch.h>
#include <iconv.h>
#include <langinfo.h>
#include <locale.h>
#include <regex.h>
#include <time.h>
#include <wchar.h>

#include "compat.h"

static void convert(const char* to, const char* from, size_t expected) {
  iconv_t table = iconv_open(to, from);
  CHECK(table != (iconv_t)-1);
  char source[] = "plain text and more of it";
  char target[400];
  char *in = source, *out = target;
  size_t in_left = strlen(source), out_left = sizeof target;
  CHECK(iconv(table, &in, &in_left, &out, &out_left) == 0 && in_left == 0);
  CHECK(sizeof target - out_left == expected);
  CHECK(iconv_close(table) == 0);
}

static void pattern(const char* text, const char* subject, int expected) {
  regex_t compiled;
  CHECK(regcomp(&compiled, text, REG_EXTENDED | REG_ICASE) == 0);
  regmatch_t parts[4];
  CHECK(regexec(&compiled, subject, 4, parts, 0) == expected);
  regfree(&compiled);
}

int main(void) {
  for (int i = 0; i < 10; ++i) {
    convert("UTF-32LE", "UTF-8", 100);
    convert("UTF-16", "UTF-8", 52);
    convert("UTF-8", "UTF-8", 25);
    pattern("^([a-z]+)-([0-9]{2,40})$", "abc-12345", 0);
    pattern("(a|b)*(c|d)+x{3,200}", "ababcdcdxx", REG_NOMATCH);
    pattern("[[:alpha:]]+([^,]*,){3}\\1?", "words and, some, more, text", 0);
    regex_t broken;
    CHECK(regcomp(&broken, "(unclosed", REG_EXTENDED) != 0);
  }
  CHECK(setlocale(LC_ALL, "C.UTF-8"));
  CHECK(strcmp(nl_langinfo(CODESET), "UTF-8") == 0);
  wchar_t wide[50];
  CHECK(mbstowcs(wide, "\xc3\xa4\xc3\xb6", 50) == 2);
  char out[100];
  const time_t then = 86400;
  struct tm fields;
  setenv("TZ", "Europe/Berlin", 1);
  tzset();
  setenv("TZ", "UTC", 1);
  tzset();
  CHECK(strftime(out, sizeof out, "%F %T", localtime_r(&then, &fields)) == 19);
  CHECK(fnmatch("*/[a-c]?*.txt", "dir/bcd.txt", FNM_PATHNAME) == 0);
  char* printed = malloc(200001);
  CHECK(snprintf(printed, 200001, "%*d%.5000f", 100000, 5, 1.5) == 105002);
  free(printed);
  return compat_end("c_text");
}
