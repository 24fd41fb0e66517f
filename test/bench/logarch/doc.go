// Package logarch measures kubectl logarch: parse against the OpenTelemetry
// collector's file log receiver.
package logarch
