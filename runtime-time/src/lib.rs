//! Clock, timer wheels, sleep, interval, timeout.
