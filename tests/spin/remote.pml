/* Remote frees, collection, exit, adoption and retirement of one slab: no slot is ever in two places, and
   none is lost. Every atomic block is one access of src/core/remote.cc to shared memory, in its order;
   what lies between two blocks may be interrupted. Sequentially consistent.

   Threads choose freely what to do next, within the budgets below. With -DTRACE they follow traces of
   the code instead (traces.h): each must be a path of the model. -DTWIN_x makes one mistake. */
#include "transitions.h"

#ifndef SLOTS
#define SLOTS 2
#endif
#define NOBODY 3

#define NONE 0
#define FREE 1
#define LIVE 2
#define REMOTE 3

byte state[SLOTS];
byte mag[SLOTS], map[SLOTS];  /* in how many magazines, and in the free bitmap */
byte bits;              /* remote bits */
byte owner = NOBODY;
bit queued;
bit listed[3];          /* the slab is on the remote list of the thread's cache */
byte holder[3] = NOBODY;  /* of remote_lock of the thread's cache */
byte slow[3] = NOBODY;    /* holder of slow_lock of the thread's cache */
bit abandoned;          /* on the abandoned list; taking it off is what its lock protects */
bit gone;

/* The program: handed out, frees begun, frees reported. */
byte handed[SLOTS], freed[SLOTS], faults[SLOTS];

#ifdef TRACE
c_decl {
  \#include "traces.h"
  /* Static in the one translation unit of the verifier. */
  static unsigned accepted;
  static unsigned char is_accepted[TRACES + 1];
}
short trace_number;
short at;
byte ev = 255, ev_thread, ev_arg;
#define AT(what, arg) (ev == (what) && ev_thread == me && ev_arg == (arg))
#define NEXT c_code { \
    const unsigned char *step = traces[now.trace_number].steps[now.at++]; \
    now.ev = step[0]; now.ev_thread = step[1]; now.ev_arg = step[2]; }
#define CHECK(x) skip
#define SPEND(budget) true
#define PAY(budget) skip
#define MAY_FREE(s) true
/* A trace does not hold the first look of a free. */
#define LOOKS_LIVE(s) true
#define WHEN(expected) (ev_thread == me && (expected))
#define CHOOSE(s) s = ev_arg
#else
#define AT(what, arg) true
#define NEXT skip
#ifdef NO_ASSERTIONS
#define CHECK(x) skip
#else
#define CHECK(x) assert(x)
#endif
#define SPEND(budget) (budget > 0)
#define PAY(budget) budget--
#define LOOKS_LIVE(s) (state[s] == LIVE)
#define WHEN(expected) true
#define CHOOSE(s) select(s : 0 .. SLOTS - 1)
#define MAY_FREE(s) (handed[s] > freed[s] || (handed[s] > 0 && twice > 0))
/* What the threads may do in all. */
byte frees = FREES, twice = TWICE, allocs = ALLOCS, collects = COLLECTS;
byte exits = EXITS, adopts = ADOPTS, sweeps = SWEEPS, retires = RETIRES;
#endif

#define HAS_BIT(set, s) (((set) >> (s)) & 1)
#define LOCK(c) atomic { holder[c] == NOBODY && AT(EV_LOCK, c) -> NEXT; holder[c] = me }
#define UNLOCK(c) atomic { AT(EV_UNLOCK, c) -> NEXT; holder[c] = NOBODY }

/* collect_slab: the state decides once more. */
inline take_bits() {
  if
  :: bits == 0 -> skip
  :: bits != 0 ->
     atomic { AT(EV_TAKE_BITS, bits) -> NEXT; mask = bits; bits = 0 };
     s = 0;
     do
     :: s < SLOTS && !HAS_BIT(mask, s) -> s++
     :: atomic { s < SLOTS && HAS_BIT(mask, s) && state[s] == REMOTE && AT(EV_COLLECT, s) ->
          NEXT; state[s] = FREE; map[s]++; CHECK(map[s] + mag[s] == 1); s++ }
     :: atomic { s < SLOTS && HAS_BIT(mask, s) && state[s] != REMOTE && AT(EV_COLLECT_REFUSED, s) ->
#ifdef TWIN_COLLECT_BLIND
          NEXT; state[s] = FREE; map[s]++; CHECK(map[s] + mag[s] == 1); s++ }
#else
          NEXT; faults[s]++; s++ }
#endif
     :: s == SLOTS -> break
     od;
     mask = 0; s = 0
  fi
}

inline flush() {
  s = 0;
  do
  :: s < SLOTS -> map[s] = map[s] + mag[s]; mag[s] = 0; s++
  :: s == SLOTS -> break
  od; s = 0
}

inline all_free() {
  s = 0; whole = 1;
  do
  :: s < SLOTS && state[s] != NONE && map[s] != 1 -> whole = 0; s++
  :: s < SLOTS && (state[s] == NONE || map[s] == 1) -> s++
  :: s == SLOTS -> s = 0; break
  od
}

/* destroy_slab: what is posted now is the second free of its slot. */
inline destroy() {
  atomic { AT(EV_DIE, 0) -> NEXT; CHECK(owner == NOBODY && !gone); gone = 1 };
#ifndef TWIN_DESTROY_BLIND
  take_bits();
#endif
  atomic { AT(EV_DESTROY, 0) -> NEXT; CHECK(state[0] != REMOTE && state[0] != LIVE) }
}

inline abandon() {
  take_bits();
  all_free();
  if
  :: whole -> destroy(); whole = 0
  :: !whole -> abandoned = 1
  fi
}

proctype Thread(byte me) {
  byte s, o, mask;
  bit looked, whole;
again:
  do
  /* free */
  :: atomic { SPEND(frees) && !gone && WHEN(ev == EV_OWNER_FREE || ev == EV_POST || ev == EV_POST_REFUSED) ->
       CHOOSE(s);
       if
       :: MAY_FREE(s) && state[s] != NONE -> PAY(frees);
#ifndef TRACE
          if :: handed[s] <= freed[s] -> twice-- :: else fi;
          freed[s]++
#endif
       :: else -> goto done
       fi };
     if
     :: atomic { !LOOKS_LIVE(s) -> faults[s]++; goto done }
     :: LOOKS_LIVE(s)
     fi;
     if
     :: owner == me ->
        atomic { AT(EV_OWNER_FREE, s) -> NEXT; state[s] = FREE; mag[s]++; CHECK(map[s] + mag[s] == 1) };
        goto done
     :: owner != me
     fi;
#ifdef TWIN_LOOK_EARLY
     looked = queued;
#endif
#ifdef TWIN_BIT_FIRST
     if
     :: atomic { HAS_BIT(bits, s) -> faults[s]++; goto done }
     :: atomic { !HAS_BIT(bits, s) -> bits = bits | (1 << s) }
     fi;
#endif
     if
     :: atomic { state[s] == LIVE && AT(EV_POST, s) -> NEXT; state[s] = REMOTE }
     :: atomic { state[s] != LIVE && AT(EV_POST_REFUSED, s) -> NEXT; faults[s]++; goto done }
     fi;
#ifndef TWIN_BIT_FIRST
     if
     :: atomic { HAS_BIT(bits, s) && AT(EV_BIT_WAS_SET, s) -> NEXT; faults[s]++; goto done }
     :: atomic { !HAS_BIT(bits, s) && AT(EV_SET_BIT, s) -> NEXT; bits = bits | (1 << s) }
     fi;
#endif
#ifndef TWIN_DESTROY_BLIND
     if
     :: atomic { gone && AT(EV_LOOK_DEAD, 0) -> NEXT };
        if
        :: atomic { HAS_BIT(bits, s) && AT(EV_UNPOST, s) -> NEXT; bits = bits ^ (1 << s); faults[s]++ }
        :: atomic { !HAS_BIT(bits, s) && AT(EV_UNPOST_LATE, s) -> NEXT }
        fi;
        goto done
     :: atomic { !gone && AT(EV_LOOK_ALIVE, 0) -> NEXT }
     fi;
#endif
look:
#ifdef TWIN_LOOK_EARLY
     if :: looked -> goto done :: !looked fi;
#endif
     atomic { AT(EV_LOOK_QUEUED, queued) -> NEXT; looked = queued };
     if :: looked -> goto done :: !looked fi;
     atomic { AT(EV_LOOK_OWNER, owner) -> NEXT; o = owner };
     if :: o == NOBODY -> goto done :: o != NOBODY fi;
     LOCK(o);
     looked = owner == o;
     if
     :: atomic { looked && !queued && AT(EV_QUEUE, 0) -> NEXT;
#ifndef TWIN_QUEUE_LOST
          listed[o] = 1;
#endif
          queued = 1 }
     :: looked && queued
     :: !looked
     fi;
     UNLOCK(o);
     if :: looked -> goto done :: !looked -> goto look fi

  /* malloc, of a slot in the owner's magazine; refill */
  :: atomic { SPEND(allocs) && owner == me && WHEN(ev == EV_HAND_OUT) -> CHOOSE(s);
       if
       :: mag[s] > 0 && AT(EV_HAND_OUT, s) -> PAY(allocs); NEXT;
          mag[s]--; state[s] = LIVE; CHECK(handed[s] <= freed[s]); handed[s]++
       :: else
       fi; goto done }
  :: atomic { owner == me && slow[me] == NOBODY && SPEND(allocs) && WHEN(ev == EV_HAND_OUT) -> CHOOSE(s);
       if
       :: map[s] > 0 -> map[s]--; mag[s]++
       :: else
       fi; goto done }

  /* collect_remote */
  :: atomic { SPEND(collects) && slow[me] == NOBODY && WHEN(ev == EV_LOCK) -> PAY(collects); slow[me] = me };
     LOCK(me);
     looked = listed[me];
     if
     :: looked ->
#ifdef TWIN_CLEAR_LATE
        listed[me] = 0; UNLOCK(me); take_bits(); queued = 0; slow[me] = NOBODY; goto done
#else
        atomic { AT(EV_UNQUEUE, 0) -> NEXT; listed[me] = 0; queued = 0 }
#endif
     :: !looked
     fi;
     UNLOCK(me);
     if :: looked -> take_bits() :: !looked fi;
     slow[me] = NOBODY; goto done

  /* exit: flush_all, disown_all, abandon_slab */
  :: atomic { SPEND(exits) && owner == me && slow[me] == NOBODY && WHEN(ev == EV_LOCK) ->
       PAY(exits); slow[me] = me;
       flush() };
#ifdef TWIN_DISOWN_UNLOCKED
     owner = NOBODY;
#else
     LOCK(me);
     atomic { AT(EV_DISOWN, 0) -> NEXT; owner = NOBODY };
#endif
     if
     :: atomic { listed[me] && AT(EV_UNQUEUE, 0) -> NEXT; listed[me] = 0;
#ifndef TWIN_EXIT_QUEUED
          queued = 0
#endif
        }
     :: !listed[me]
     fi;
#ifndef TWIN_DISOWN_UNLOCKED
     UNLOCK(me);
#endif
     abandon();
     slow[me] = NOBODY; goto done

  /* a refill that adopts */
  :: atomic { SPEND(adopts) && abandoned && slow[me] == NOBODY && AT(EV_ADOPT, me) ->
       PAY(adopts); NEXT; slow[me] = me; abandoned = 0; owner = me };
#ifndef TWIN_ADOPT_BLIND
     take_bits();
#endif
     slow[me] = NOBODY; goto done

  /* sweep_abandoned */
  :: atomic { SPEND(sweeps) && abandoned && WHEN(ev == EV_TAKE_BITS || ev == EV_DIE) -> PAY(sweeps); abandoned = 0 };
     abandon(); goto done

  /* retire_slab, by the owner or by a purge from outside */
  :: atomic { SPEND(retires) && owner != NOBODY && slow[owner] == NOBODY && WHEN(ev == EV_LOCK) ->
       PAY(retires); o = owner; slow[o] = me;
       if :: o == me -> flush() :: else fi };
     all_free();
     if
     :: !whole -> slow[o] = NOBODY; goto done
     :: whole
     fi;
     LOCK(o);
     if
#ifdef TWIN_RETIRE_QUEUED
     :: atomic { AT(EV_DISOWN, 0) -> NEXT; owner = NOBODY }; looked = 1
#else
     :: atomic { !queued && AT(EV_DISOWN, 0) -> NEXT; owner = NOBODY }; looked = 1
     :: queued -> looked = 0
#endif
     fi;
     UNLOCK(o);
     if :: looked -> destroy() :: !looked fi;
     slow[o] = NOBODY; goto done

#ifdef TRACE
  /* What concerns other slabs: their queues, and slots that are carved. */
  :: atomic { ev == EV_LOCK && ev_thread == me && holder[ev_arg] == NOBODY ->
       o = ev_arg; NEXT; holder[o] = me };
     UNLOCK(o); goto done
  :: atomic { ev == EV_CARVE && ev_thread == me -> s = ev_arg; NEXT; state[s] = FREE; map[s] = 1; goto done }
#endif
  :: break
  od;
  goto end;
done:
  atomic { s = 0; o = 0; mask = 0; looked = 0; whole = 0 };
  goto again;
end:
  skip
}

#ifdef TRACE
init {
  atomic {
    select(trace_number : 0 .. TRACES - 1);
    c_code {
      const struct trace *start = &traces[now.trace_number];
      for (int s = 0; s < SLOTS; ++s) {
        now.state[s] = start->state[s];
        now.mag[s] = start->mag[s];
        now.map[s] = start->map[s];
      }
      now.bits = start->bits;
      now.owner = start->owner;
      now.queued = start->queued;
      now.abandoned = start->abandoned;
    };
    NEXT;
    run Thread(0); run Thread(1); run Thread(2)
  };
  atomic { ev == EV_END -> c_code {
    if (!is_accepted[now.trace_number]) {
      is_accepted[now.trace_number] = 1;
      printf("accepted %u of %d\n", ++accepted, TRACES);
    } } }
}
#else
/* All threads have ended. What is posted is found by the next collection of the owner, or by the next
   thread that adopts or sweeps; then every slot is where its state says, once. */
inline settle() {
  assert(queued == listed[0] + listed[1] + listed[2]);
  if
  :: owner != NOBODY -> assert(!queued || listed[owner]); looked = listed[owner]
  :: owner == NOBODY && gone -> assert(!queued); looked = 0
  :: owner == NOBODY && !gone -> assert(!queued && abandoned); looked = 1
  fi;
  s = 0;
  do
  :: s < SLOTS ->
     if
     :: looked && HAS_BIT(bits, s) && state[s] == REMOTE -> state[s] = FREE; map[s]++
     :: looked && HAS_BIT(bits, s) && state[s] != REMOTE -> faults[s]++
     :: else
     fi;
     if
     :: gone -> assert(handed[s] + faults[s] == freed[s] && bits == 0)
     :: !gone && (looked || !HAS_BIT(bits, s)) ->
        assert(state[s] != REMOTE);
        assert(map[s] + mag[s] == (state[s] == FREE));
        assert(handed[s] + faults[s] - freed[s] == (state[s] == LIVE))
     :: else -> assert(false)
     fi;
     s++
  :: s == SLOTS -> break
  od
}

init {
  byte s;
  bit looked;
  atomic {
    do
    :: s < SLOTS -> state[s] = LIVE; handed[s] = 1; s++
    :: s == SLOTS -> break
    od;
    owner = 0;
    run Thread(0); run Thread(1); run Thread(2)
  };
  atomic { _nr_pr == 1 -> settle() }
}

/* The same as a temporal property: no slot is ever in two places. */
#define ONCE(s) (map[s] + mag[s] + (state[s] == LIVE) <= 1)
#ifdef WITH_LTL
ltl once { [] (ONCE(0) && ONCE(1)) }
#endif
#endif
