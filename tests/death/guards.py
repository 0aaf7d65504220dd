"""Guard slots, guard pages of large blocks, and the SIGSEGV handler that reports them."""
import signal

import cases


class Guards:
    def sampled(self, fault):
        """A block in a guard slot, and a large block, whose own guards report as well."""
        for word, block in cases.SAMPLED[fault]:
            if word == "large_freed" and not self.debug:
                profiles = ["paranoid"]
            else:
                profiles = ["hardened"] if self.debug else ["hardened", "paranoid"]
            for profile in profiles:
                self.check_sampled(fault, word, block, profile)

    def check_sampled(self, fault, word, block, profile):
        ident = fault.replace("_", "-")
        outcome = self.run("sampled", word, guard_sample=1, profile=profile)
        values = self.expect_report(outcome, ident, sampled=True)
        if block and values["block"] != outcome.said["block"]:
            outcome.fail("the report names another block")
        begin, end = (int(address, 16) for address in outcome.said["text"].split("-"))
        if not begin <= int(values["caller"], 16) < end:
            outcome.fail("the caller is not in the program")
        if "large" not in word or self.debug:
            want = ["allocated by"] + (["freed by"] if fault == "use_after_free" else [])
            if any(text not in outcome.err for text in want):
                outcome.fail(f"the report should say {want}")
        self.expect_report(self.run("sampled", word, guard_sample=1, profile=profile, on_fault="trap"),
                           ident, status=-signal.SIGILL, sampled=True)
        # Goes on behind the report; an access that was refused is let through.
        outcome = self.run("sampled", word, guard_sample=1, profile=profile, on_fault="continue")
        if outcome.status != 0 or "survived" not in outcome.said or ident not in outcome.err:
            outcome.fail("should report and go on")
        # Without the handler an access dies of the bare signal, and nothing is said.
        if values["api"] == "access":
            outcome = self.run("sampled", word, guard_sample=1, profile=profile, segv_report=0)
            if outcome.status != -signal.SIGSEGV or outcome.err:
                outcome.fail("should end in a bare SIGSEGV")

    def underflow(self):
        self.sampled("underflow")

    def out_of_bounds(self):
        self.sampled("out_of_bounds")

    def use_after_free(self):
        self.sampled("use_after_free")

    def segv(self):
        """The handler is polite: what is not the heap's goes where it would have gone."""
        for word in ("null", "sent"):
            outcome = self.run("segv", word)
            if outcome.status != -signal.SIGSEGV or outcome.err:
                outcome.fail("should end in SIGSEGV, silently")
            self.checked += 1
        for word in ("earlier", "later", "restored"):
            outcome = self.run("segv", word, guard_sample=1)
            if outcome.status != 0 or outcome.err or "handled=1" not in outcome.out:
                outcome.fail("the program's own handler should have been called, once")
            self.checked += 1
        outcome = self.run("segv", "stack")
        if outcome.status != -signal.SIGSEGV or outcome.err:
            outcome.fail("an overflow of the stack should end in SIGSEGV, silently")
