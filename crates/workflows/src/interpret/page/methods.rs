//! Text for the methods of a paper, with its citations, ready to paste.

use super::super::{Interpretation, TsneRecipe};
use emotome_figures::report::Section;
use emotome_figures::scale::count;
use emotome_interpret::rating::RatingKind;

pub(super) fn section(found: &Interpretation) -> Section {
    let mut text = Vec::new();
    let p = &found.params;
    let of = |kind| found.ratings.iter().filter(|r| r.kind == kind).count();
    let stimuli = count(found.rated_stimuli() as u64);
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
            "Explained variance. Ridge regression (Hoerl & Kennard, 1970) with penalties chosen by generalised cross-validation within training stimuli (Golub, Heath & Wahba, 1979) predicted each dimension from categories, from affective dimensions and from both in {} folds. Unique and shared variance follow from the three R² (commonality analysis; Newton & Spurrell, 1967); a dimension is of the class of the kind whose unique share has an interval above {:.0} % of the variance, hybrid with both, shared with neither. Intervals resample stimuli ({} times); the null permutes the stimuli of all dimensions jointly ({} times) and repeats every step.",
            explained.folds,
            100.0 * explained.least_share,
            p.bootstraps,
            p.permutations,
        ));
    }
    let structures = || {
        found
            .agents
            .iter()
            .filter_map(|agent| agent.structure.as_ref())
    };
    if structures().next().is_some() {
        let split = match structures().any(|structure| structure.split.is_some()) {
            true => {
                "In a second classification each category’s votes were dealt at random to two halves of the raters and labels taken from one; a space that was fitted to ratings still holds both. "
            }
            false => "",
        };
        text.push(format!(
            "Structure. Stimuli were labelled by their highest category (ties and classes of fewer than ten stimuli left out) and classified by nearest centroid (leave-one-out), by a linear discriminant with shrinkage .1 (Friedman, 1989) and by 15 nearest neighbours; intervals resample stimuli, chance permutes labels ({} times). {split}Clusters are peaks of density beyond those of a space of even density; gradients compare mixtures of two categories on the line between the pure ones with a jump from one to the other. Dimensions were counted by the participation ratio, TwoNN (Facco et al., 2017), maximum likelihood (Levina & Bickel, 2004) and parallel analysis (Horn, 1965).",
            p.permutations
        ));
    }
    if found.agents.iter().any(|agent| agent.graph.is_some()) {
        text.push(
            "Graphs. Dimensions with r > .2 over stimuli are joined; communities are the consensus (Lancichinetti & Fortunato, 2012) of 1,000 runs of the Leiden algorithm (Traag, Waltman & van Eck, 2019) at resolution 1, node sizes PageRank (damping .85). The null permutes the stimuli of each dimension independently, at the same threshold and at the same number of edges.".into(),
        );
    }
    if found.between.is_some() {
        text.push(
            "Comparison of agents. Similarities (dot products of weights) of all pairs of stimuli were correlated, with intervals from resampled stimuli (pairs of a stimulus with its copy left out) and Mantel’s permutation test; spaces were compared by debiased linear CKA (Kornblith et al., 2019; Song et al., 2012) and by Procrustes rotation on held-out stimuli (Schönemann, 1966); ridge regressions predicted each space from the other for stimuli held out, from all columns and from equally many principal components. Dimensions were matched one to one by correlation over the same stimuli; a match is shared if its r is above .2 and exceeds the largest correlation of permuted stimuli (p ≤ .05), and surely so if its interval lies above .2. Mean places of categories were aligned without labels by entropic Gromov–Wasserstein transport (Peyré, Cuturi & Solomon, 2016).".into(),
        );
    }
    if found.agents.iter().any(|agent| agent.reliability.is_some()) {
        text.push(
            "Reliability. Embeddings were fitted to either half of the choices of an agent. The reliability of its similarities, and of each dimension by its one-to-one matched counterparts, follows from their correlation r as 2r/(1 + r) (Brown, 1910; Spearman, 1910). Correlations of similarities were divided by the root of both reliabilities, which were estimated anew in each resample. Spaces also predicted each other after normal noise had been added to every dimension more reliable than the smaller of the two median reliabilities.".into(),
        );
    }
    if let Some(maps) = found.agents.iter().find_map(|agent| agent.maps.as_ref()) {
        let how = match maps.recipe {
            TsneRecipe::Standard => format!(
                "Euclidean distances, perplexity {}, principal start, learning rate n/12 as in Belkina et al., 2019",
                maps.perplexities[0]
            ),
            TsneRecipe::Published => {
                "distances 1 − S with the similarities S that the embedding predicts, not squared; the mean of affinities at perplexities 5 and 30; start by metric stress; learning rate 500, no exaggeration".into()
            }
        };
        text.push(format!(
            "Maps. Two-dimensional maps of the embeddings were drawn by t-SNE over every pair (van der Maaten & Hinton, 2008; {how}) and by UMAP (McInnes, Healy & Melville, 2018; Euclidean distances, {} neighbours, minimal distance 0.1); trustworthiness and continuity as in Venna & Kaski (2001).",
            maps.neighbours
        ));
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

const REFERENCES: &[&str] = &[
    "Belkina, A. C. et al. (2019). Automated optimized parameters for T-distributed stochastic neighbor embedding improve visualization and analysis of large datasets. Nature Communications 10, 5415. doi:10.1038/s41467-019-13055-y.",
    "Benjamini, Y. & Hochberg, Y. (1995). Controlling the false discovery rate. Journal of the Royal Statistical Society B 57, 289. doi:10.1111/j.2517-6161.1995.tb02031.x.",
    "Facco, E. et al. (2017). Estimating the intrinsic dimension of datasets by a minimal neighborhood information. Scientific Reports 7, 12140. doi:10.1038/s41598-017-11873-y.",
    "Friedman, J. H. (1989). Regularized discriminant analysis. Journal of the American Statistical Association 84, 165. doi:10.1080/01621459.1989.10478752.",
    "Horn, J. L. (1965). A rationale and test for the number of factors in factor analysis. Psychometrika 30, 179. doi:10.1007/BF02289447.",
    "Kornblith, S. et al. (2019). Similarity of neural network representations revisited. arXiv:1905.00414.",
    "Lancichinetti, A. & Fortunato, S. (2012). Consensus clustering in complex networks. Scientific Reports 2, 336. doi:10.1038/srep00336.",
    "Levina, E. & Bickel, P. (2004). Maximum likelihood estimation of intrinsic dimension. NIPS 17.",
    "Peyré, G., Cuturi, M. & Solomon, J. (2016). Gromov-Wasserstein averaging of kernel and distance matrices. ICML 48, 2664.",
    "Schönemann, P. H. (1966). A generalized solution of the orthogonal Procrustes problem. Psychometrika 31, 1. doi:10.1007/BF02289451.",
    "Song, L. et al. (2012). Feature selection via dependence maximization. Journal of Machine Learning Research 13, 1393.",
    "Traag, V. A., Waltman, L. & van Eck, N. J. (2019). From Louvain to Leiden. Scientific Reports 9, 5233. doi:10.1038/s41598-019-41695-z.",
    "Brown, W. (1910). Some experimental results in the correlation of mental abilities. British Journal of Psychology 3, 296. Spearman, C. (1910). Correlation calculated from faulty data. British Journal of Psychology 3, 271.",
    "Efron, B. (1987). Better bootstrap confidence intervals. Journal of the American Statistical Association 82, 171. doi:10.1080/01621459.1987.10478410.",
    "Golub, G. H., Heath, M. & Wahba, G. (1979). Generalized cross-validation. Technometrics 21, 215. doi:10.1080/00401706.1979.10489751.",
    "Hoerl, A. E. & Kennard, R. W. (1970). Ridge regression. Technometrics 12, 55. doi:10.1080/00401706.1970.10488634.",
    "van der Maaten, L. & Hinton, G. (2008). Visualizing data using t-SNE. Journal of Machine Learning Research 9, 2579.",
    "McInnes, L., Healy, J. & Melville, J. (2018). UMAP. doi:10.48550/arXiv.1802.03426.",
    "Newton, R. G. & Spurrell, D. J. (1967). A development of multiple regression for the analysis of routine data. Applied Statistics 16, 51. doi:10.2307/2985752.",
    "Phipson, B. & Smyth, G. K. (2010). Permutation p-values should never be zero. Statistical Applications in Genetics and Molecular Biology 9, 39. doi:10.2202/1544-6115.1585.",
    "Westfall, P. H. & Young, S. S. (1993). Resampling-based multiple testing. Wiley. Venna, J. & Kaski, S. (2001). Neighborhood preservation in nonlinear projection methods. ICANN 2001, 485. doi:10.1007/3-540-44668-0_68.",
];
