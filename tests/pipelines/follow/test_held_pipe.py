"""A process that ends with the one that holds its pipe."""

import subprocess
import sys

PROGRAM = """
import time
from pipelines.follow.held_pipe import end_with
end_with(0)
print("begun", flush=True)
time.sleep(60)
"""


def test_a_process_ends_in_the_midst_of_its_work_when_the_other_end_is_closed() -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.stdin.write(b"goes on")
        process.stdin.flush()
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(10) == 1
