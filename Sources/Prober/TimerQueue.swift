/// Moments at which something is to be done, the earliest first: a binary heap.
struct TimerQueue<Event> {
    private var heap: [(at: Duration, event: Event)] = []

    /// The earliest moment.
    var next: Duration? { heap.first?.at }

    mutating func add(_ event: Event, at moment: Duration) {
        heap.append((moment, event))
        var child = heap.count - 1
        while child > 0, case let parent = (child - 1) / 2, heap[child].at < heap[parent].at {
            heap.swapAt(child, parent)
            child = parent
        }
    }

    /// Takes out the earliest event, if its moment has come.
    mutating func take(until now: Duration) -> Event? {
        guard let first = heap.first, first.at <= now else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return first.event }
        heap[0] = last
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1].at < heap[child].at { child += 1 }
            guard heap[child].at < heap[parent].at else { break }
            heap.swapAt(child, parent)
            parent = child
        }
        return first.event
    }
}
