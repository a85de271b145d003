//! What is found in what people paste, and what is said about it.
