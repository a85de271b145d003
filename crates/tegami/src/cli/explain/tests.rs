//! Which language is chosen, what can be typed, what is read, and what a page and its JSON look like.
