module bench/arpc

go 1.23.0

require (
	bench v0.0.0
	github.com/lesismal/arpc v1.2.14
)

replace bench => ../go
