"""The course of a replayed campaign as a picture."""

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.replay.course import Course
from docs_tools.documents import RESULTS


def draw_course(course: Course, title: str, name: str) -> None:
    """Draw volume, members and requests served over the days into docs/results/NAME.png."""
    figure = Figure(figsize=(9, 8), layout="constrained")
    FigureCanvasAgg(figure)
    volume, members, served = figure.subplots(3, sharex=True)
    days = course.days["day"]
    campaign = course.days["served"].diff().fill_null(course.days["served"].first())
    volume.stackplot(days, campaign / 1e3, course.days["others"] / 1e3, labels=("campaign", "all others"))
    volume.set(title=title, ylabel="thousand requests a day")
    for column, label in (("members", "have sent"), ("flagged", "above the threshold"), ("reported", "reported")):
        members.plot(days, course.days[column], label=label)
    members.set(ylabel="accounts of the campaign", ylim=(0, None))
    served.plot(days, course.days["served"] / course.requests, label="requests served")
    served.plot(days, course.days["flagged"] / course.accounts, label="accounts above the threshold")
    served.set(xlabel="day", ylabel="share of the campaign", ylim=(0, 1.02))
    for axes in (volume, members, served):
        axes.grid(alpha=0.3)
        axes.legend(loc="upper left", fontsize=8)
    figure.savefig(RESULTS / f"{name}.png", dpi=80)
