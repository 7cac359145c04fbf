//! What a completion belongs to: four bits of kind, 28 of generation, 32 of number.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// Receiving on the socket of this number.
    Packet = 1,
    /// A failed send of the socket of this number.
    Send = 2,
    /// A watched file.
    File = 3,
    Cancel = 4,
}

impl Tag {
    /// Generations tell completions of a number's earlier owner; 0 is nobody's.
    pub const GENERATIONS: u32 = (1 << 28) - 1;

    pub fn data(self, generation: u32, number: u32) -> u64 {
        (self as u64) << 60 | u64::from(generation & Self::GENERATIONS) << 32 | u64::from(number)
    }

    pub fn parse(data: u64) -> (Option<Self>, u32, u32) {
        let tag = match data >> 60 {
            1 => Some(Self::Packet),
            2 => Some(Self::Send),
            3 => Some(Self::File),
            4 => Some(Self::Cancel),
            _ => None,
        };
        (tag, (data >> 32) as u32 & Self::GENERATIONS, data as u32)
    }
}
