#include "front/routes.h"

namespace hak {

Route lookup_route(const Options& options, unsigned route_class) {
  const u64 mask = options.get(OptionId::kRouteMask);
  switch (route_class) {
    case 0: return mask & 0x01 ? Route::kThreadCache : Route::kSlabs;
    case 1: return mask & 0x02 ? Route::kThreadCache : Route::kSlabs;
    case 2: return mask & 0x04 ? Route::kThreadCache : Route::kSlabs;
    case 3: return mask & 0x08 ? Route::kThreadCache : Route::kSlabs;
    case 4: return mask & 0x10 ? Route::kThreadCache : Route::kSlabs;
    case 5: return mask & 0x20 ? Route::kThreadCache : Route::kSlabs;
    case 6: return mask & 0x40 ? Route::kThreadCache : Route::kSlabs;
    case 7: return mask & 0x80 ? Route::kThreadCache : Route::kSlabs;
    default: return Route::kThreadCache;
  }
}

void reload_context(const Options& options, FastLaneCtx& ctx) {
  // The generation is read first: a change in between is seen again at the next look.
  ctx.generation = options.generation();
  if (HAK_SEEDED(kStaleEnvironment) && ctx.class_mask) return;
  ctx.class_mask = static_cast<u8>(options.get(OptionId::kFastLaneMask));
  ctx.route_mask = static_cast<u8>(options.get(OptionId::kRouteMask));
}

}  // namespace hak
