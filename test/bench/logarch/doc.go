// Package logarch measures kubectl logarch: parse against the OpenTelemetry
// collector's file log receiver. The module below, kyaml, measures inject against
// kustomize's reading and writing of the same file.
package logarch
