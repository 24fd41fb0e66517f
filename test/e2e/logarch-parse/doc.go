// Package logarchparse holds kubectl logarch parse to the loggers themselves:
// klog's text logger and component-base's JSON logger write the same events,
// and real components write their logs in both formats.
package logarchparse
