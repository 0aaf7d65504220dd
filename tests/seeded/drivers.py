"""What looks for seeded faults: every driver is a command of a tree configured with HAKMEM_SEEDED."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Driver:
    name: str
    command: str        # words; {build} and {source} are the build tree and the sources
    finds: str          # one phrase for the table
    seconds: int = 120  # longer is as good as a kill: a fault that hangs the driver is seen
    tree: str = "seeded"
    fast: bool = False  # of the fast tier, which `make test` builds and runs


def scripts(name: str, options: str, finds: str) -> Driver:
    return Driver(name, f"{{build}}/props/hakmem-scripts --as-found --keep /dev/null {options}", finds, fast=True)


def gtest(name: str, program: str, finds: str, **more) -> Driver:
    return Driver(name, f"{{build}}/tests/{program} --gtest_fail_fast --gtest_brief=1", finds, **more)


DRIVERS = (
    scripts("scripts", "--count 4000 --seed 11", "random scripts, duplicate validation"),
    scripts("trusted", "--count 4000 --seed 12 --policy 31", "random scripts, policies on"),
    gtest("unit", "unit/hakmem_unit", "unit tests", fast=True),
    scripts("audited", "--count 500 --seed 13 --policy 34 --audit",
            "random scripts, all invariants after each operation"),
    scripts("tracked", "--count 2500 --seed 14 --tracked", "random scripts with exact records"),
    scripts("large", "--count 1000 --seed 16 --policy 31 --large", "random scripts of large blocks"),
    scripts("agree", "--count 60 --seed 15 --agree", "random scripts, 48 policies agree"),
    Driver("replay", "{build}/props/hakmem-replay --agree --audit {source}/tests/replay/",
           "the scripts of all bugs found so far"),
    Driver("abi", "{build}/props/hakmem-replay-abi --random 150 --keep /dev/null",
           "random scripts on the C and C++ entry points, real threads and forks", fast=True),
    Driver("rapidcheck", "{build}/props/heap_properties heap", "RapidCheck properties of the heap"),
    Driver("limits", "{build}/props/heap_properties limits", "RapidCheck, system calls fail"),
    Driver("validator", "{build}/tests/exhaustive/exhaustive_validator 20",
           "both looks, enumerated", fast=True),
    Driver("entry", "{build}/tests/exhaustive/exhaustive_entry 0", "entry points, enumerated"),
    Driver("entry-trusted", "{build}/tests/exhaustive/exhaustive_entry 31",
           "the same, validated once"),
    Driver("sequences", "{build}/tests/exhaustive/exhaustive_sequences 5 0",
           "every sequence of 5 operations"),
    gtest("unit-abi", "unit/hakmem_unit_abi", "unit tests of the C and C++ ABI", fast=True),
    gtest("stress", "stress/hakmem_stress --gtest_filter=-*Local*", "threads on one heap",
          fast=True),
    gtest("racing", "stress/hakmem_stress_double_free", "racing double frees"),
    # ThreadSanitizer wants its shadow where address randomisation may put something else.
    Driver("tsan", "setarch -R {build}/tests/stress/hakmem_stress --gtest_brief=1"
           " --gtest_filter=*Producers*:*Everybody*", "threads on one heap, ThreadSanitizer", tree="seeded-tsan"),
    Driver("schedules", "{build}/tests/schedules/hakmem_schedules --weak --max 20000",
           "every schedule of three threads, weak orders included"),
    Driver("signals", "{build}/tests/lifecycle/lifecycle_signals", "handlers that allocate", seconds=90),
    Driver("forks", "{build}/tests/lifecycle/lifecycle_forks 100", "a threaded process forks",
           seconds=60),
)
BY_NAME = {driver.name: driver for driver in DRIVERS}

# RapidCheck shrinks what it found, which a matrix has no use for.
ENVIRONMENT = {"RC_PARAMS": "max_success=400 noshrink=1 seed=17", 
               "TSAN_OPTIONS": "halt_on_error=1 suppressions={source}/sanitizers/tsan.supp"}
