// Package forward makes ports of pods reachable on this machine.
//
// Each forward has a local listener that stays open whatever happens to pods and to the connection. What it accepts is
// carried over connections to the pod (SPDY frames inside a websocket, or bare on older servers, as kubectl does), which are
// kept for the next, watched while they are open, dropped when they are silent, and made again by the next accept. Nothing
// is dialled before it is needed.
package forward
