//! Columns of numbers that lie row by row, as many side by side as there are in a panel.

use crate::book::Book;

/// `W` columns of rows of `width` numbers, from column `first` on.
#[inline(always)]
pub(super) fn columns<const W: usize>(
    numbers: &[f32],
    width: usize,
    first: usize,
) -> impl Iterator<Item = &[f32; W]> {
    let rows = numbers.chunks_exact(width.max(1));
    rows.filter_map(
        #[inline(always)]
        move |row| row.get(first..)?.first_chunk(),
    )
}

/// The same, to be changed.
#[inline(always)]
pub(super) fn columns_mut<const W: usize>(
    numbers: &mut [f32],
    width: usize,
    first: usize,
) -> impl Iterator<Item = &mut [f32; W]> {
    let rows = numbers.chunks_exact_mut(width.max(1));
    rows.filter_map(
        #[inline(always)]
        move |row| row.get_mut(first..)?.first_chunk_mut(),
    )
}

/// [`columns`] of the nets that race.
#[inline(always)]
pub(super) fn racing_columns<'w, const W: usize>(
    weights: &'w [f32],
    width: usize,
    first: usize,
    books: &[Book],
) -> impl Iterator<Item = &'w [f32; W]> {
    let rows = columns(weights, width, first).zip(books);
    rows.filter(|(_, book)| book.races()).map(|(row, _)| row)
}

/// The same, to be changed.
#[inline(always)]
pub(super) fn racing_columns_mut<'w, const W: usize>(
    weights: &'w mut [f32],
    width: usize,
    first: usize,
    books: &[Book],
) -> impl Iterator<Item = &'w mut [f32; W]> {
    let rows = columns_mut(weights, width, first).zip(books);
    rows.filter(|(_, book)| book.races()).map(|(row, _)| row)
}

/// The weights for output `output` of the nets that race.
#[cfg(feature = "full")]
pub(super) fn column(
    weights: &[f32],
    outputs: usize,
    output: usize,
    books: &[Book],
) -> impl Iterator<Item = f32> {
    racing_columns(weights, outputs, output, books).map(|&[w]| w)
}

/// The same, to be changed.
#[cfg(feature = "full")]
pub(super) fn column_mut<'w>(
    weights: &'w mut [f32],
    outputs: usize,
    output: usize,
    books: &[Book],
) -> impl Iterator<Item = &'w mut f32> {
    racing_columns_mut(weights, outputs, output, books).map(|[w]| w)
}
