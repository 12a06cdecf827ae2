//! Text for the methods of a paper, with its citations, ready to paste.

use super::super::Interpretation;
use emotome_figures::report::Section;
use emotome_figures::scale::count;
use emotome_interpret::rating::RatingKind;

pub(super) fn section(found: &Interpretation) -> Section {
    let mut text = Vec::new();
    let p = &found.params;
    let of = |kind| found.ratings.iter().filter(|r| r.kind == kind).count();
    let stimuli = count(found.stimuli.used as u64);
    if found.agents.iter().any(|agent| agent.ratings.is_some()) {
        text.push(format!(
            "Correlations. Each dimension was correlated (Pearson and Spearman) with {} emotion categories and {} affective dimensions over {stimuli} stimuli. Confidence intervals (95 %, bias-corrected and accelerated; Efron, 1987) come from {} bootstrap resamples of the stimuli. p-values were adjusted for the false-discovery rate over all cells (Benjamini & Hochberg, 1995). The largest |r| of each dimension was compared with its null from {} joint permutations of the stimuli of all ratings (Westfall & Young, 1993; p as in Phipson & Smyth, 2010), and adjusted for the false-discovery rate over dimensions.",
            of(RatingKind::Category),
            of(RatingKind::Dimension),
            p.bootstraps,
            p.permutations,
        ));
        text.push(
            "Names and classes. A dimension is named after the ratings with the largest |r|, as long as |r| drops by less than .09 from one to the next and at most three, with the signs of the correlations; dimensions whose largest |r| does not exceed chance (q > .05) are left unnamed. A dimension is of class category, affective dimension or hybrid if its labels are of the first kind, the second, or both. Class counts were compared with those after permuting stimuli and after permuting which ratings are called categories.".into(),
        );
    }
    if let Some(explained) = found
        .agents
        .iter()
        .find_map(|agent| agent.explained.as_ref())
    {
        text.push(format!(
            "Explained variance. Ridge regression (Hoerl & Kennard, 1970) with penalties chosen by generalised cross-validation within training stimuli (Golub, Heath & Wahba, 1979) predicted each dimension from categories, from affective dimensions and from both in {} folds. Unique and shared variance follow from the three R² (commonality analysis; Newton & Spurrell, 1967). Intervals resample stimuli ({} times); the null permutes the stimuli of all dimensions jointly ({} times) and repeats every step.",
            explained.folds,
            p.bootstraps,
            p.permutations,
        ));
    }
    if found.agents.iter().any(|agent| agent.maps.is_some()) {
        text.push(
            "Maps. Two-dimensional maps of the embeddings were drawn by t-SNE over every pair (van der Maaten & Hinton, 2008; perplexity 30, principal start, learning rate n/12 as in Belkina et al., 2019) and by UMAP (McInnes, Healy & Melville, 2018; 15 neighbours, minimal distance 0.1), Euclidean distances; trustworthiness and continuity as in Venna & Kaski (2001).".into(),
        );
    }
    text.push(format!(
        "All analyses were made with emotome {} (seed {}); equal inputs, seed and version give equal results at any number of threads.",
        env!("CARGO_PKG_VERSION"),
        p.seed
    ));
    text.push(format!("References. {}", REFERENCES.join(" ")));
    Section {
        heading: "Methods, ready to paste".into(),
        text,
        ..Section::default()
    }
}

const REFERENCES: [&str; 10] = [
    "Belkina, A. C. et al. (2019). Automated optimized parameters for T-distributed stochastic neighbor embedding improve visualization and analysis of large datasets. Nature Communications 10, 5415. doi:10.1038/s41467-019-13055-y.",
    "Benjamini, Y. & Hochberg, Y. (1995). Controlling the false discovery rate. Journal of the Royal Statistical Society B 57, 289. doi:10.1111/j.2517-6161.1995.tb02031.x.",
    "Efron, B. (1987). Better bootstrap confidence intervals. Journal of the American Statistical Association 82, 171. doi:10.1080/01621459.1987.10478410.",
    "Golub, G. H., Heath, M. & Wahba, G. (1979). Generalized cross-validation. Technometrics 21, 215. doi:10.1080/00401706.1979.10489751.",
    "Hoerl, A. E. & Kennard, R. W. (1970). Ridge regression. Technometrics 12, 55. doi:10.1080/00401706.1970.10488634.",
    "van der Maaten, L. & Hinton, G. (2008). Visualizing data using t-SNE. Journal of Machine Learning Research 9, 2579.",
    "McInnes, L., Healy, J. & Melville, J. (2018). UMAP. doi:10.48550/arXiv.1802.03426.",
    "Newton, R. G. & Spurrell, D. J. (1967). A development of multiple regression for the analysis of routine data. Applied Statistics 16, 51. doi:10.2307/2985752.",
    "Phipson, B. & Smyth, G. K. (2010). Permutation p-values should never be zero. Statistical Applications in Genetics and Molecular Biology 9, 39. doi:10.2202/1544-6115.1585.",
    "Westfall, P. H. & Young, S. S. (1993). Resampling-based multiple testing. Wiley. Venna, J. & Kaski, S. (2001). Neighborhood preservation in nonlinear projection methods. ICANN 2001, 485. doi:10.1007/3-540-44668-0_68.",
];
