#pragma once
// Policies B, C and E: where the gates read their options, what is counted, which classes the thread
// cache serves.
//
// F2  a context is used only while its generation is the options' generation
// F3  for every class and mask, the route map's bit equals the policy lookup
#include "core/heap_core.h"

namespace hak {

/// A route of the policy lookup (E off).
enum class Route : u8 { kThreadCache, kSlabs };

/// The note's policy lookup: one decision per route class. ULTRA was its name for the classes that
/// always take the fastest route; here those are the ones the mask names.
HAK_NOINLINE Route lookup_route(const Options& options, unsigned route_class);

/// Reads the options of the gates into the thread's context.
HAK_NOINLINE void reload_context(const Options& options, FastLaneCtx& ctx);

template <Policy P>
FAST_PATH u8 gate_class_mask(const HeapCore& heap, ThreadCache& cache) {
  if constexpr (P.env_ctx) {
    if (HAK_UNLIKELY(cache.ctx.generation != heap.options.generation()))
      reload_context(heap.options, cache.ctx);
    return cache.ctx.class_mask;
  } else {
    return static_cast<u8>(heap.options.get(OptionId::kFastLaneMask));
  }
}

template <Policy P>
FAST_PATH u8 gate_route_mask(const HeapCore& heap, ThreadCache& cache) {
  if constexpr (P.env_ctx) {
    if (HAK_UNLIKELY(cache.ctx.generation != heap.options.generation()))
      reload_context(heap.options, cache.ctx);
    return cache.ctx.route_mask;
  } else {
    return static_cast<u8>(heap.options.get(OptionId::kRouteMask));
  }
}

/// Whether the thread cache serves the size class.
template <Policy P>
FAST_PATH bool served_by_cache(const HeapCore& heap, ThreadCache& cache, unsigned size_class) {
  const unsigned route = kRouteOfClass[size_class];
  if (route >= kMediumRoute) return true;
  if constexpr (P.route_map) {
    return (gate_route_mask<P>(heap, cache) >> (route ^ HAK_SEEDED(kWrongRoute)) & 1) != 0;
  } else {
    return lookup_route(heap.options, route) == Route::kThreadCache;
  }
}

template <Policy P>
FAST_PATH void count_malloc(ThreadCache& cache) {
  if constexpr (P.stats == Stats::kEvery) ++cache.counters.mallocs;
}
template <Policy P>
FAST_PATH void count_free(ThreadCache& cache) {
  if constexpr (P.stats == Stats::kEvery) ++cache.counters.frees;
}
/// Sampled counting rides on refill, exchange and flush, which move known numbers of slots: `mallocs` is
/// ahead by what the allocation magazines hold, `frees` behind by what rests in the free ones.
template <Policy P>
FAST_PATH void count_refill(ThreadCache& cache, u32 slots) {
  if constexpr (P.stats == Stats::kSampled) cache.counters.mallocs += slots;
}
template <Policy P>
FAST_PATH void count_flush(ThreadCache& cache, u32 slots) {
  if constexpr (P.stats == Stats::kSampled) cache.counters.frees += slots;
}

}  // namespace hak
