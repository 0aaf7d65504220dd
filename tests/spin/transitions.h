/* The transitions of one slab that the model makes and the traces of the code are written in. Read by
   the Promela preprocessor and by tests/schedules/trace.cc alike. The argument is a slot, a thread
   (3: nobody), a truth value or a set of slots, as the comment says. */
#define EV_END 0
#define EV_HAND_OUT 1         /* slot: free -> live, store by the owner */
#define EV_OWNER_FREE 2       /* slot: whatever it is -> free, store by the owner */
#define EV_POST 3             /* slot: live -> remote, exchange */
#define EV_POST_REFUSED 4     /* slot: the exchange found no live slot */
#define EV_SET_BIT 5          /* slot: its remote bit, was clear */
#define EV_BIT_WAS_SET 6      /* slot: its remote bit, was set */
#define EV_LOOK_QUEUED 7      /* truth: the poster's look */
#define EV_LOOK_OWNER 8       /* thread: the poster's look */
#define EV_LOCK 9             /* thread: remote_lock of its cache */
#define EV_UNLOCK 10          /* thread */
#define EV_QUEUE 11           /* 0: queued becomes 1 */
#define EV_UNQUEUE 12         /* 0: queued becomes 0 */
#define EV_TAKE_BITS 13       /* slots: the remote bits, exchanged for none */
#define EV_COLLECT 14         /* slot: remote -> free, exchange by the collector */
#define EV_COLLECT_REFUSED 15 /* slot: the exchange found no remote slot */
#define EV_DISOWN 16          /* 0: the owner becomes nobody */
#define EV_ADOPT 17           /* thread: nobody's slab becomes its own */
#define EV_DESTROY 18         /* 0: the first state becomes "not a slot" */
#define EV_DIE 20             /* 0: the slab's birth number becomes 0 */
#define EV_LOOK_ALIVE 21      /* 0: the poster finds the birth number it had seen */
#define EV_LOOK_DEAD 22       /* 0: another one, or 0 */
#define EV_UNPOST 23          /* slot: its remote bit, taken back */
#define EV_UNPOST_LATE 24     /* slot: a collector has it already */
#define EV_CARVE 19           /* slot: made, never handed out */
