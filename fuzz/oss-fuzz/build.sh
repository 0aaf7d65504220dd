#!/bin/bash -eu
# Builds every fuzz target into $OUT with its seed corpus, dictionary and options, for whatever engine and
# sanitizer $CC, $CXX, $CFLAGS, $CXXFLAGS and $LIB_FUZZING_ENGINE stand for.

targets="heap differential options script abi"

# The mutator is libFuzzer's interface; others ignore it or lack the functions it calls.
mutator=OFF
if [ "${FUZZING_ENGINE:-libfuzzer}" = libfuzzer ]; then
  mutator=ON
fi

cmake -S "$SRC/hakmem" -B "$WORK/hakmem" -G Ninja \
  -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_COMPILER="$CC" -DCMAKE_CXX_COMPILER="$CXX" \
  -DCMAKE_C_FLAGS="$CFLAGS" -DCMAKE_CXX_FLAGS="$CXXFLAGS" \
  -DHAKMEM_TESTS=OFF -DHAKMEM_FUZZ=ON -DHAKMEM_FUZZ_INSTRUMENT= -DHAKMEM_FUZZ_MUTATOR="$mutator" \
  -DHAKMEM_FUZZ_ENGINE="$LIB_FUZZING_ENGINE"

for target in $targets; do
  cmake --build "$WORK/hakmem" --target "fuzz_$target"
  cp "$WORK/hakmem/fuzz/fuzz_$target" "$OUT/"
  (cd "$SRC/hakmem/fuzz/corpora/$target" && zip -q -r "$OUT/fuzz_${target}_seed_corpus.zip" .)
  cp "$SRC/hakmem/fuzz/oss-fuzz/fuzz.options" "$OUT/fuzz_$target.options"
  if [ -f "$SRC/hakmem/fuzz/$target.dict" ]; then
    cp "$SRC/hakmem/fuzz/$target.dict" "$OUT/fuzz_$target.dict"
    printf 'dict = fuzz_%s.dict\n' "$target" >> "$OUT/fuzz_$target.options"
  fi
done
