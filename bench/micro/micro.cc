// Google Benchmark cases, for the habits that come with it (--benchmark_filter, repetitions,
// compare.py): the same patterns as hakmem-bench, at sizes given as arguments.
#include <benchmark/benchmark.h>
#include <malloc.h>
#include <stdlib.h>

#include <vector>

namespace {

size_t argument(const benchmark::State& state) { return static_cast<size_t>(state.range(0)); }

void count_items(benchmark::State& state, size_t per_iteration) {
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(per_iteration));
}

void malloc_free(benchmark::State& state) {
  const size_t size = argument(state);
  for (auto _ : state) {
    void* object = malloc(size);
    benchmark::DoNotOptimize(object);
    free(object);
  }
  count_items(state, 1);
}
BENCHMARK(malloc_free)->Arg(16)->Arg(64)->Arg(512)->Arg(4096)->Arg(32768)->Arg(262144);
BENCHMARK(malloc_free)->Name("malloc_free_threads")->Arg(64)->ThreadRange(1, 8)->UseRealTime();

void batch(benchmark::State& state) {
  std::vector<void*> objects(argument(state));
  for (auto _ : state) {
    for (auto& object : objects) object = malloc(64);
    benchmark::DoNotOptimize(objects.data());
    for (void* object : objects) free(object);
  }
  count_items(state, objects.size());
}
BENCHMARK(batch)->RangeMultiplier(10)->Range(10, 100000);

void calloc_free(benchmark::State& state) {
  const size_t size = argument(state);
  for (auto _ : state) {
    void* object = calloc(1, size);
    benchmark::DoNotOptimize(object);
    free(object);
  }
  count_items(state, 1);
}
BENCHMARK(calloc_free)->Arg(64)->Arg(512)->Arg(4096)->Arg(262144);

void realloc_in_place(benchmark::State& state) {
  void* object = malloc(100);
  size_t size = 100;
  for (auto _ : state) {
    size ^= 1;
    object = realloc(object, size);
    benchmark::DoNotOptimize(object);
  }
  free(object);
  count_items(state, 1);
}
BENCHMARK(realloc_in_place);

void usable_size(benchmark::State& state) {
  void* object = malloc(argument(state));
  for (auto _ : state) benchmark::DoNotOptimize(malloc_usable_size(object));
  free(object);
  count_items(state, 1);
}
BENCHMARK(usable_size)->Arg(64)->Arg(4096)->Arg(262144);

}  // namespace

BENCHMARK_MAIN();
