package import KernelReaders
package import Model

/// What the sampler has to say beside its samples.
package enum SamplerEvent: Sendable {
    /// A collector's reading failed, or fails in another way than before.
    case failed(Collector, ReadError)
    /// This kernel does not have what a collector reads; it is not read in vain for ever, and is no failure.
    case absent(Collector, ReadError)
    /// A collector that had failed works again.
    case recovered(Collector)
    /// The socket table is read here from now on; where that is not the first choice, because of this.
    case reads(TableSource, because: ReadError?)
    /// The namespace's own addresses are read from files, since rtnetlink did not give them because of this.
    case readsAddressFiles(because: ReadError)
    /// A reading of the socket table left this many rows out, and the one before none.
    case malformedRows(Int)
}
