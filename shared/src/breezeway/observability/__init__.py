"""What a process tells about itself: durations, pools, queues and traces."""
