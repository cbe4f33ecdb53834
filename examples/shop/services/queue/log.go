package main

import (
	"fmt"
	"log/slog"
)

// logger has the NATS server log as our services do. What it merely notes, 20 lines at each start, is left out.
type logger struct{}

func (logger) Noticef(format string, args ...any) { slog.Debug(fmt.Sprintf(format, args...)) }
func (logger) Debugf(format string, args ...any)  { slog.Debug(fmt.Sprintf(format, args...)) }
func (logger) Tracef(format string, args ...any)  { slog.Debug(fmt.Sprintf(format, args...)) }
func (logger) Warnf(format string, args ...any)   { slog.Warn(fmt.Sprintf(format, args...)) }
func (logger) Errorf(format string, args ...any)  { slog.Error(fmt.Sprintf(format, args...)) }
func (logger) Fatalf(format string, args ...any)  { slog.Error(fmt.Sprintf(format, args...)) }
