module xclient/registry

go 1.21
