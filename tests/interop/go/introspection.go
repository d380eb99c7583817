package main

// What a server of ours tells of itself, as docs/operations.md has it.

type Query struct{ Service string }

type Health struct{ Status string } // "serving" or "not_serving"

type Description struct {
	Version  string
	Instance string
	UptimeMs int64
	Status   string
	Services []struct {
		Name, Status, Hash string
		Methods            []struct{ Name, Args, Reply string }
	}
}

type Figures struct {
	UptimeMs, Connections, Accepted, Running, Waiting int64

	Refused struct {
		MaxConnections, MaxConnectionsPerPeer, HandshakeTimeoutMs, Broken, IdleTimeoutMs int64
		WriteTimeoutMs, MaxInFlight, MaxRunning, MaxMessageBytes, UnreadReplies          int64
		Draining, Unimplemented, Arguments                                               int64
	}
	Latencies []struct {
		Method                            string
		Count, SumUs, P50Us, P95Us, P99Us int64
		Counts                            []int64
	}
}

// introspect asks a server of ours about itself.
func introspect(kind, address string) map[string]any {
	client, err := dial(kind, address)
	check(err)
	defer client.Close()
	var health, ofService, ofNone Health
	var description Description
	var figures Figures
	check(client.Call("_xclient.Check", Query{}, &health))
	check(client.Call("_xclient.Check", Query{"Types"}, &ofService))
	check(client.Call("_xclient.Describe", Query{}, &description))
	var quotient float64
	client.Call("Arith.None", Args{8, 2}, &quotient)
	check(client.Call("Arith.Divide", Args{8, 2}, &quotient))
	check(client.Call("_xclient.Figures", Query{}, &figures))
	return map[string]any{
		"health": health.Status, "ofService": ofService.Status, "description": description,
		"ofNone": text(client.Call("_xclient.Check", Query{"None"}, &ofNone)), "figures": figures,
	}
}
