"""System calls after start-up: those that SECURITY.md lists, and no other."""
import re
import signal
import subprocess

from outcome import SKIPPED, TIMEOUT_SECONDS, Failure, Outcome, clean_environment


class Syscalls:
    def documented_calls(self):
        text = open(self.security, encoding="utf-8").read()
        section = text.partition("## System calls")[2].partition("\n## ")[0]
        return re.findall(r"^\| `(\w+)` \| after start-up", section, re.M)

    def syscalls(self):
        """After start-up the heap makes the system calls that SECURITY.md lists, and no other."""
        names = self.documented_calls()
        if len(names) < 5:
            raise Failure(f"SECURITY.md documents only {names}")
        profiles = ["hardened"] if self.debug else ["fast", "hardened", "paranoid"]
        for profile in profiles:
            outcome = self.run_syscalls(names, profile)
            if outcome.status == SKIPPED:
                print(outcome.err)
                return SKIPPED
            if outcome.status != 0 or outcome.out != "done\n" or outcome.err:
                outcome.fail("a system call that SECURITY.md does not list")
            self.checked += 1
        # The test can fail: without one of these the same work dies.
        for name in ("mprotect", "madvise", "gettid"):
            outcome = self.run_syscalls([each for each in names if each != name], "hardened")
            if outcome.status != -signal.SIGSYS:
                outcome.fail(f"should die without {name}")
        return 0

    def run_syscalls(self, names, profile):
        env = {"HAKMEM_PROFILE": profile, "HAKMEM_GUARD_SAMPLE": "8", "HAKMEM_PURGE_DELAY_MS": "20"}
        command = [self.syscalls_program, *names]
        run = subprocess.run(command, env={**clean_environment(), **env}, capture_output=True,
                             timeout=TIMEOUT_SECONDS * 3, check=False)
        return Outcome(command, env, run)
