# Warnings, hardening and sanitizers, once for the whole tree.
add_library(hakmem_warnings INTERFACE)
target_compile_options(hakmem_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Wcast-qual
  -Wundef -Werror)

set(HAKMEM_SANITIZE_FLAGS "")
if(HAKMEM_SANITIZER STREQUAL "undefined")
  set(HAKMEM_SANITIZE_FLAGS -fsanitize=undefined -fno-sanitize-recover=all)
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    # Values that an implicit conversion changes are no undefined behaviour, and no intention either.
    list(APPEND HAKMEM_SANITIZE_FLAGS -fsanitize=implicit-conversion,nullability,local-bounds)
  endif()
elseif(HAKMEM_SANITIZER STREQUAL "address")
  # What is undefined is looked for too: one build then does for both where time is short.
  set(HAKMEM_SANITIZE_FLAGS -fsanitize=address,undefined -fno-sanitize-recover=all)
elseif(HAKMEM_SANITIZER)
  set(HAKMEM_SANITIZE_FLAGS -fsanitize=${HAKMEM_SANITIZER})
endif()
if(HAKMEM_SANITIZE_FLAGS)
  add_compile_options(${HAKMEM_SANITIZE_FLAGS} -g -fno-omit-frame-pointer)
  add_link_options(${HAKMEM_SANITIZE_FLAGS})
endif()
if(HAKMEM_COVERAGE)
  add_compile_options(-fprofile-instr-generate -fcoverage-mapping)
  add_link_options(-fprofile-instr-generate)
endif()
