"""Models: training, the gate, the champion, and what a training needs beside the features."""
