/// A TCP port number, in host byte order; 0 stands for "none" in the kernel's tables.
public typealias Port = UInt16
